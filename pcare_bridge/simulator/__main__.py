from pcare_bridge.simulator.server import run

run()
