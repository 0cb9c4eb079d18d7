"""The measurements, one module each: `run(stack, scale)` returns figures."""
