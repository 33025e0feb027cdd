internal import Connectors
internal import Crypto
internal import Glibc

/// Copies of files that are given out by a link until it expires. A link is signed: who changes a character of it gets nothing.
public struct FileShelf: Sendable {
    private let folder: String
    private let key: SymmetricKey
    private let base: String?

    /// A file that a link leads to.
    public struct Found: Sendable, Equatable {
        public let path: String
        public let name: String
    }

    /// - Parameters:
    ///   - folder: where copies lie; is made when there is one.
    ///   - key: what links are signed with.
    ///   - base: where the server is reached from outside, without a slash at its end; nil if nobody said.
    public init(folder: String, key: [UInt8], base: String?) {
        self.folder = folder
        self.key = SymmetricKey(data: key)
        self.base = base
    }

    /// Keeps a copy of a file. Blocks.
    ///
    /// - Parameter id: of hexadecimal digits; the same file has the same one.
    /// - Returns: the link.
    func keep(_ file: String, as name: String, id: String, until expires: Int64, now: Int64) throws(ConnectorError)
        -> String
    {
        guard let base else {
            throw ConnectorError(
                .badSetting,
                "the file is too large to be attached, and a link needs to know where the server is reached: start it with --public-url URL"
            )
        }
        try FolderRoots.make(all: folder)
        clear(now: now)
        try FilePieces.copy(file, to: "\(folder)/\(id)-\(expires)-\(name)")
        return "\(base)/v1/links/\(id)?expires=\(expires)&signature=\(Hex.text(code(id, expires)))"
    }

    /// The file that a link leads to; nil if it expired, was never made, or is another one than was signed. Blocks.
    public func find(id: String, expires: String, signature: String, now: Int64) -> Found? {
        guard let moment = Int64(expires), String(moment) == expires, moment > now,
            let given = Self.bytes(signature),
            // Takes as long whatever is wrong with it.
            HMAC<SHA256>.isValidAuthenticationCode(given, authenticating: Self.text(id, moment), using: key)
        else { return nil }
        let start = "\(id)-\(expires)-"
        guard let file = FilePieces.names(folder).first(where: { $0.hasPrefix(start) }) else { return nil }
        return Found(path: "\(folder)/\(file)", name: String(file.dropFirst(start.count)))
    }

    /// Removes copies whose links expired; all of them without a time, as when somebody is erased who may be in them. Blocks.
    ///
    /// - Returns: how many there were, and how many of them are there still.
    @discardableResult
    public func clear(now: Int64?) -> (found: Int, left: Int) {
        var (found, left) = (0, 0)
        for name in FilePieces.names(folder) {
            let expires = name.split(separator: "-").dropFirst().first.flatMap { Int64($0) } ?? 0
            guard now.map({ expires <= $0 }) ?? true else { continue }
            found += 1
            if unsafe unlink("\(folder)/\(name)") != 0 { left += 1 }
        }
        return (found, left)
    }

    private static func text(_ id: String, _ expires: Int64) -> [UInt8] { Array("\(id)\n\(expires)".utf8) }

    private func code(_ id: String, _ expires: Int64) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Self.text(id, expires), using: key))
    }

    private static func bytes(_ hex: String) -> [UInt8]? {
        let digits = hex.utf8.map { Int8(bitPattern: $0 &- ($0 &- 48 < 10 ? 48 : $0 &- 97 < 6 ? 87 : $0 &- 100)) }
        guard digits.count == 64, digits.allSatisfy({ (0..<16).contains($0) }) else { return nil }
        return stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0]) << 4 | UInt8(digits[$0 + 1]) }
    }
}
