import Connectors
import Glibc

/// What the operator allows, by flags or the environment: the same for a server and for commands that work without one.
enum Operator {
    /// Private ranges that webhooks and pipelines may go to.
    static func ranges(_ flags: [String]) throws -> [AddressRange] {
        try parts(flags, Environment["SLUICE_ALLOW_PRIVATE"], separator: ",").map { text in
            guard let range = AddressRange(text.filter { $0 != " " }) else {
                throw Failure(.usage, "--allow-private \(text): give a range such as 10.0.0.0/8, or an address")
            }
            return range
        }
    }

    /// Folders below which pipelines may write, as absolute paths.
    static func folders(_ flags: [String]) throws -> [String] {
        try parts(flags, Environment["SLUICE_ALLOW_FOLDER"], separator: ":").map { try real($0, "--allow-folder") }
    }

    /// Folders below which dbt's projects lie, as absolute paths.
    static func dbtFolders(_ flags: [String]) throws -> [String] {
        try parts(flags, Environment["SLUICE_DBT_FOLDER"], separator: ":").map { try real($0, "--dbt-folder") }
    }

    /// The path of dbt; nil if none was named.
    static func dbt(_ flag: String?) throws -> String? {
        guard let text = flag ?? Environment["SLUICE_DBT"], !text.isEmpty else { return nil }
        let folders =
            text.contains("/") ? [""] : (Environment["PATH"] ?? "").split(separator: ":").map { String($0) + "/" }
        guard let found = folders.first(where: { unsafe access($0 + text, X_OK) == 0 }) else {
            throw Failure(.usage, "--dbt \(text): there is no such program")
        }
        return try real(found + text, "--dbt")
    }

    private static func real(_ path: String, _ flag: String) throws -> String {
        // realpath's buffer is ours to free.
        guard let found = unsafe realpath(path, nil) else {
            throw Failure(.usage, "\(flag) \(path): \(systemReason())")
        }
        defer { unsafe free(found) }
        return unsafe String(cString: found)
    }

    /// Where the server is reached from outside, by a flag or SLUICE_PUBLIC_URL.
    static func url(_ flag: String?) throws -> String? {
        guard let text = flag ?? Environment["SLUICE_PUBLIC_URL"], !text.isEmpty else { return nil }
        let rest = text.hasPrefix("https://") ? text.dropFirst(8) : text.hasPrefix("http://") ? text.dropFirst(7) : ""
        guard !rest.isEmpty, rest.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != 0x3f && $0 != 0x23 }) else {
            throw Failure(.usage, "--public-url \(text): give an address such as https://sluice.example.com")
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    /// What the names of variables begin with that may be secrets; nil if nothing was said.
    static func secretPrefix(_ flag: String?) throws -> String? {
        guard let prefix = flag ?? Environment["SLUICE_SECRET_ENV"] else { return nil }
        // Every name begins with nothing: a key could have the whole environment sent to it.
        guard !prefix.isEmpty else {
            throw Failure(.usage, "--secret-env: give what the variables' names begin with, such as SLUICE_SECRET_")
        }
        return prefix
    }

    private static func parts(_ flags: [String], _ named: String?, separator: Character) -> [String] {
        let given = flags.isEmpty ? named.map { [$0] } ?? [] : flags
        return given.flatMap { $0.split(separator: separator).map(String.init) }
    }
}
