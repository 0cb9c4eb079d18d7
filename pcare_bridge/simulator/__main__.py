"""python -m pcare_bridge.simulator: a stand-in for PCare and SATUSEHAT on a real socket (docs/pcare.md)."""

from pcare_bridge.simulator.server import run

run()
