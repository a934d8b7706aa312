"""Data: from arrays and files to `({modality: tensor}, label)`."""
