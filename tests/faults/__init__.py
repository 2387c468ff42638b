"""Whole runs of the program against failing servers, each generated from one seed.

Modules: `kinds` (the faults), `proxy` (injects them), `remotes` (the servers), `product` (the process under
test), `world` (the published files), `oracle` (the promises), `scenario` (one run, from its seed), `__main__`
(a thousand of them).
"""
