"""The thin layer: HTTP becomes one SQL statement, NOTIFY becomes WebSocket frames. The rules are in the database."""
