//! The only file that speaks to the Docker client: values in, values out.
