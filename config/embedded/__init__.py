"""PostgreSQL and Valkey from Python wheels, for one machine without configuration.

Everything lives in one folder (`.local/` by default). Production refuses these servers: see
`config/settings.py`.
"""
