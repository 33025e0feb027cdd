// SwiftPM wants a C target to have a source.
