"""What carries inputs in and commands out; the only place for asynchronous code beside app and web."""
