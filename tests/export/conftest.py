from export_world import world as world
