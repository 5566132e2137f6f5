"""Archives: zip and tar files of any make, their members and the side-cars among them."""
