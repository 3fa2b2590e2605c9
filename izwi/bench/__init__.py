"""How quickly a server answers, measured with nothing but this package; the full benchmarks are in ``loadtests``."""
