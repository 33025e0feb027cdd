/// What one request and one item may hold. Every refusal names the limit that it met.
public enum CollectLimits {
    /// A request's body as sent, in bytes; the server checks it.
    public static let bodyBytes = 1 << 20
    /// A request's body decompressed, in bytes; the server checks it.
    public static let decompressedBytes = 16 << 20
    /// One item as sent, in bytes.
    public static let itemBytes = 64 << 10
    /// Names, identities and ids, in Unicode scalars.
    public static let textCharacters = 255
    /// Items in a request; keeps 16 MiB of one-byte items from becoming gigabytes of rejects.
    public static let itemsPerRequest = 250_000
    /// What a reject keeps of its input, in bytes.
    public static let rawBytes = 8 << 10
    /// A line of KISSmetrics' export, in bytes: more than an item, since an octal escape takes four bytes for one, and
    /// nested values are written as text.
    public static let exportLineBytes = 256 << 10
    /// Properties in one KISSmetrics call: each has a duplicate check of its own, and an item carries 255.
    public static let kissmetricsProperties = 255
}
