"""The kinds of documents that have a schema in specs/."""

#: kind → (class of the whole document, prefix of its other classes)
KINDS = {
    "runtime-config": ("Config", ""),
    "runtime-state": ("State", "State"),
    "runtime-process-state": ("ContainerProcessState", "Process"),
    "runtime-features": ("Features", "Features"),
    "image-index": ("ImageIndex", "Index"),
    "image-manifest": ("ImageManifest", "Manifest"),
    "image-config": ("ImageConfig", "Image"),
    "image-descriptor": ("Descriptor", "Descriptor"),
    "image-layout": ("ImageLayout", "Layout"),
    "docker-archive": ("DockerArchive", "Archive"),
    "appc-image": ("AppcImage", "Appc"),
    "appc-pod": ("AppcPod", "Pod"),
}
