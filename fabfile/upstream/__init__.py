"""The configuration of upstream's programs and charts: what the rack requires, merged with upstream's keys in its files."""
