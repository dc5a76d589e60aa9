"""What upstream's programs and charts are told: the rack's demands, merged with what its files say in upstream's keys."""
