//! Holds nothing: the tests of the assembled system are in `tests/tests`, the black-box run in `tests/black_box`.
