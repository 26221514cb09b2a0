"""From a list of links to posts in order: parsing, plan, and the conductor that keeps places and starts jobs."""
