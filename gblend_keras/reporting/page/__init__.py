"""Pages: `report.html` of a run or of a comparison."""
