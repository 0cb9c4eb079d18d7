"""A stand-in for PCare on a real socket (PROTOCOL section 10).

Imports nothing from the client beside it: codec, signature and rules are written a second time, so that a mistake made
on one side shows on the other. Imports no Django either: `python -m pcare_bridge.simulator --port 9801`.
"""
