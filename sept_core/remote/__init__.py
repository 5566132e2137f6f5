"""Remote: objects in S3, Google Cloud Storage or on the web, read like files of this machine."""
