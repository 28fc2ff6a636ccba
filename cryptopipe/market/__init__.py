"""From frames to proven books: sync, connections, and the view a strategy reads."""
