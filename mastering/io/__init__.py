"""Files: probing, reading in a killable worker, writing atomically, tags. The only place that transposes."""
