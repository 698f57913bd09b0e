//! Clusters that somebody runs already, by kubeconfig context. Nothing is created unless asked.
