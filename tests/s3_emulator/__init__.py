"""An emulator of S3 stores other than AWS: small, in memory, with the behaviour of one real store at a time.

    with emulator(habits.B2) as store:          # or Habits(etags=Etags.NONE)
        store.put("p/old.tsv", b"1")
        …                                        # the product talks to store.url
        assert store.keys() == […]
        assert store.of("PutObject")[0].headers["if-none-match"] == "*"

`habits` says what stores do, `server` speaks HTTP, `operations` answers each call, `objects` keeps what was sent,
`signature` checks it, `forward` is a proxy in between, `certificates` makes them. By hand:
``python -m tests.s3_emulator B2 --port 9000``.
"""
