"""The sandbox: the ad platforms' own HTTP interfaces over one simulated market, for work without credentials.

Pure Python: no models, no database, no settings. It shares no code with the clients, so that an error in the reading
of a platform's interface cannot hide on both sides. docs/sandbox.md says how to run and steer it.
"""
