//! Apply, wait and snapshot over any Kubernetes client, and what every cluster provider hands over.
