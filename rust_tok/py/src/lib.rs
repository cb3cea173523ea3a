use numpy as _;
use pyo3 as _;
use rust_tok as _;
