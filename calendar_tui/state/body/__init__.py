"""Bodies of requests and answers as lines that can be read, folded and searched, with every character kept."""
