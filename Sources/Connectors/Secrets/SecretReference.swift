internal import Glibc

/// A secret by reference, resolved when it is used and never written down: `secret://env/NAME`, `secret://file/PATH`.
public enum SecretReference: Hashable, Sendable {
    /// A variable of the server's environment.
    case environment(String)
    /// A file below the folder that the operator set.
    case file(String)

    private static let scheme = "secret://"

    /// Whether a setting's value is a reference.
    public static func isReference(_ text: String) -> Bool { text.hasPrefix(scheme) }

    public init(_ text: String) throws(ConnectorError) {
        let parts = text.dropFirst(Self.scheme.count).split(
            separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard Self.isReference(text), parts.count == 2, !parts[1].isEmpty, !parts[1].utf8.contains(0) else {
            throw ConnectorError(.badSecret, "a secret's reference is secret://env/NAME or secret://file/PATH")
        }
        switch parts[0] {
        case "env": self = .environment(String(parts[1]))
        case "file": self = .file(String(parts[1]))
        default: throw ConnectorError(.badSecret, "there is no kind of secret \"\(parts[0])\"; there are env and file")
        }
    }
}

/// Finds what references name. What the operator has not opened is shut: without a prefix no variable and no file is read, since whoever
/// may set up an endpoint would read everything of the server's otherwise.
public struct SecretResolver: Sendable {
    /// Variables are read whose names begin with this; nil for none.
    public var environmentPrefix: String?
    /// Files are read that lie in this folder; nil for none.
    public var folder: String?

    public init(environmentPrefix: String? = nil, folder: String? = nil) {
        self.environmentPrefix = environmentPrefix
        self.folder = folder
    }

    /// The most bytes of a secret's file.
    private static let mostBytes = 64 << 10

    /// The secret. Blocking.
    public func resolve(_ reference: SecretReference) throws(ConnectorError) -> String {
        switch reference {
        case .environment(let name):
            guard let environmentPrefix, name.hasPrefix(environmentPrefix) else {
                throw ConnectorError(
                    .badSecret,
                    "the variable \(name) is not opened for secrets; the operator names a prefix with --secret-env")
            }
            // The environment is not changed after the start; the text is copied at once.
            guard let value = unsafe getenv(name) else {
                throw ConnectorError(.badSecret, "there is no variable \(name)", isTransient: true)
            }
            return unsafe String(cString: value)
        case .file(let path): return try read(path)
        }
    }

    private func read(_ path: String) throws(ConnectorError) -> String {
        guard let folder else {
            throw ConnectorError(
                .badSecret, "files are not opened for secrets; the operator names a folder with --secret-files")
        }
        // Links and dots are resolved before it is looked where the file lies.
        guard let root = Self.real(folder), let real = Self.real(path.hasPrefix(root) ? path : folder + "/" + path),
            real.hasPrefix(root == "/" ? root : root + "/")
        else { throw ConnectorError(.badSecret, "there is no such file in the folder for secrets", isTransient: true) }
        let descriptor = unsafe open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            throw ConnectorError(.badSecret, "a secret's file cannot be read", isTransient: true)
        }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: Self.mostBytes)
        // Filled up to the count that read answers.
        let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
        guard count >= 0 else { throw ConnectorError(.badSecret, "a secret's file cannot be read", isTransient: true) }
        var text = Substring(decoding: buffer[..<count], as: UTF8.self)
        while let last = text.last, last.isNewline { text = text.dropLast() }
        return String(text)
    }

    private static func real(_ path: String) -> String? {
        // realpath's buffer is ours to free.
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}
