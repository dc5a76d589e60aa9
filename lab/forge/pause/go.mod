module coop/forge/pause

go 1.26.0
