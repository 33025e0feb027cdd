/// How bytes are packed.
public enum Compression: String, Sendable, CaseIterable {
    case none
    case gzip
    case zstd

    /// What is appended to a file's extension.
    public var suffix: String {
        switch self {
        case .none: ""
        case .gzip: ".gz"
        case .zstd: ".zst"
        }
    }

    /// The packing of an HTTP `Content-Encoding`; nil for one that is not read.
    public init?(contentEncoding: String) {
        switch contentEncoding.lowercased() {
        case "identity": self = .none
        case "gzip", "x-gzip": self = .gzip
        case "zstd": self = .zstd
        default: return nil
        }
    }
}

/// Why bytes could not be packed or unpacked.
public struct CodecError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The closed set of kinds.
    public enum Code: String, Sendable {
        /// The bytes are not of the format, or damaged.
        case damaged
        /// The bytes end in the middle.
        case truncated
        /// Unpacked, they are larger than allowed.
        case tooLarge = "too_large"
        /// The library had no memory.
        case outOfMemory = "out_of_memory"
    }

    public let code: Code
    /// What was wrong.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var isTransient: Bool { code == .outOfMemory }
    public var description: String { message }
}
