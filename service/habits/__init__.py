"""The habits of HTTP: what holds for every request and answer, whatever it is about.

`exchange` is wrapped around the whole application, `server` is how uvicorn listens, the rest is asked by handlers or
hung into Litestar by the composition root.
"""
