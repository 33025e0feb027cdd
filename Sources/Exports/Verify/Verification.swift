/// What a check of an export's files found: they are what their manifest says.
public struct Verification: Sendable, Equatable {
    /// What an identity opened.
    public struct Opened: Sendable, Equatable {
        /// Of all that is encrypted, the parts in order: what `age -d` writes.
        public let bytes: Int64
        /// Of the same, in hexadecimal. Two runs of one export agree in it, though their files differ.
        public let sha256: String
    }

    public let manifest: Manifest
    /// Nil if the files were only looked at from outside.
    public let opened: Opened?
}
