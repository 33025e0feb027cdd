public import Connectors
internal import Glibc
internal import Model

/// The folders below which files may be written. What the operator has not opened is shut.
public struct FolderRoots: Sendable, Equatable {
    /// Where paths that do not begin with a slash lie; always open.
    public var own: String
    public var allowed: [String]

    public init(own: String, allowed: [String] = []) {
        self.own = own
        self.allowed = allowed
    }

    /// The absolute path of what a definition names, if it lies below a root. Folders on the way are made. Links and dots are resolved
    /// before it is looked where it lies. Blocks.
    ///
    /// - Parameter isFile: whether the last part names a file, which need not be there.
    public func resolve(_ path: String, isFile: Bool = false) throws(ConnectorError) -> String {
        let parts = try Self.parts(path)
        let wanted = path.hasPrefix("/") ? "/" + parts.joined(separator: "/") : own + "/" + parts.joined(separator: "/")
        if !path.hasPrefix("/") { try Self.make(own) }
        for root in allowed + [own] {
            guard let real = Self.real(root) else { continue }
            // The root may be written by way of a link, too.
            for spelling in Set([real, Self.trimmed(root)]) where wanted == spelling || wanted.hasPrefix(spelling + "/")
            {
                let rest = PathText.steps(String(wanted.dropFirst(spelling.count)))
                return try Self.descend(real, rest, isFile: isFile)
            }
        }
        throw outside(path)
    }

    /// Whether a path lies below a root, without making the folders on its way. Blocks.
    func foresee(_ path: String) throws(ConnectorError) {
        let wanted = "/" + (try Self.parts(path)).joined(separator: "/")
        guard path.hasPrefix("/") else { return }
        for root in allowed + [own] {
            for spelling in [Self.real(root) ?? root, Self.trimmed(root)]
            where wanted == spelling || wanted.hasPrefix(spelling + "/") { return }
        }
        throw outside(path)
    }

    private func outside(_ path: String) -> ConnectorError {
        let known =
            allowed.isEmpty ? "none is" : allowed.joined(separator: ", ") + (allowed.count == 1 ? " is" : " are")
        return ConnectorError(
            .badSetting,
            "\(path) does not lie below a folder that the operator allows (\(known)); start the server with --allow-folder DIR, "
                + "or write a path without a slash at its beginning, which lies in the data folder's files/")
    }

    /// The parts of a path that says where it leads to.
    @discardableResult
    static func parts(_ path: String) throws(ConnectorError) -> [String] {
        guard !path.isEmpty, !path.utf8.contains(0) else { throw ConnectorError(.badSetting, "\"path\" is empty") }
        let parts = PathText.steps(path)
        guard !PathText.hasDots(path) else {
            throw ConnectorError(.badSetting, "\"path\" has . or .. in it; write where it leads to")
        }
        guard !path.contains("://") else {
            throw ConnectorError(.badSetting, "\"path\" is no URL: write the path alone")
        }
        return parts
    }

    private static func descend(_ root: String, _ parts: [String], isFile: Bool) throws(ConnectorError) -> String {
        var at = root
        for (index, part) in parts.enumerated() {
            at += "/" + part
            if isFile, index == parts.count - 1 {
                // A link in the place of the file would lead out.
                guard let resolved = real(at) else { return at }
                guard resolved == at else { throw leadsOut(at) }
                return at
            }
            try make(at)
            guard real(at) == at else { throw leadsOut(at) }
        }
        guard !isFile || !parts.isEmpty else {
            throw ConnectorError(.badSetting, "\"path\" names a folder, not a file")
        }
        return at
    }

    private static func leadsOut(_ path: String) -> ConnectorError {
        ConnectorError(.badSetting, "\(path) is a link; name the folder that it leads to, below an allowed one")
    }

    private static func make(_ path: String) throws(ConnectorError) {
        if unsafe mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        throw ConnectorError(.refused, "cannot make the folder \(path): \(systemText())", isTransient: errno == ENOSPC)
    }

    /// Makes a folder with those above it.
    static func make(all path: String) throws(ConnectorError) {
        var at = ""
        for part in PathText.steps(path) {
            at += (at.isEmpty && !path.hasPrefix("/") ? "" : "/") + part
            try make(at)
        }
    }

    private static func trimmed(_ path: String) -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    private static func real(_ path: String) -> String? {
        // realpath's buffer is ours to free.
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}

/// What the system says about the call that just failed.
func systemText(_ number: Int32 = errno) -> String {
    // strerror's text is copied at once.
    unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
}
