/// Why a key could not be read, or a file not encrypted or opened.
public struct AgeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The closed set of kinds; fit for a metric's label.
    public enum Code: String, Sendable, CaseIterable {
        /// A text is no recipient.
        case recipient = "bad_recipient"
        /// A text or a file holds no identity.
        case identity = "bad_identity"
        /// The bytes do not begin as a file of age's does, or their header breaks the format.
        case header = "bad_header"
        /// The file is for others: none of the identities opens it.
        case wrongKey = "wrong_key"
        /// The bytes are not those that were written.
        case tampered
        /// The file ends before its last chunk.
        case truncated
        /// Something follows the last chunk.
        case trailing
        /// The cipher itself failed, which no input can bring about.
        case cipher
    }

    public let code: Code
    /// What was wrong, where, and what to do. Holds nothing secret: neither an identity nor what a file holds.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
