"""What pyproject.toml cannot say: the zoo's entries travel in the package.

They stand in `zoo/` at the top of the repository, where people look for them;
a wheel has them as `gblend_keras/zoo/entries`.
"""

import setuptools

setuptools.setup(
    packages=[
        *setuptools.find_packages(include=["gblend_keras*"]),
        "gblend_keras.zoo.entries",
    ],
    package_dir={"gblend_keras.zoo.entries": "zoo"},
    package_data={
        "": ["py.typed", "*.pyi"],
        "gblend_keras.zoo.entries": ["*/*"],
    },
)
