"""Nothing lost: whole runs of the product against servers that misbehave, each made from one seed.

Its rooms: `kinds` (what goes wrong), `proxy` (how it is played out on the wire), `far` (the servers), `product`
(the process under test), `world` (what is published), `oracle` (what must hold), `scenario` (one run, from its
seed), `__main__` (a thousand of them).
"""
