import AsyncHTTPClient
import Exports
import Glibc
import Model
import NIOCore

/// Fetches a finished export from another machine: each part under a temporary name, checked by size and hash and then
/// renamed; the manifest last, as the sign that all is there.
struct ExportDownload: Sendable {
    let client: APIClient
    let id: String
    let path: String

    func run(_ manifest: JSONValue) async throws {
        let parts = manifest["parts"]?.arrayValue ?? []
        let total = manifest["bytes"]?.intValue ?? 0
        let (folder, name) = Self.split(path)
        let names = try Self.localNames(manifest, for: name)
        var done: Int64 = 0
        for (index, part) in parts.enumerated() {
            try await fetch(part, number: index + 1, to: folder + names[index], done: &done, total: total)
        }
        let file = try NewFile(path + ".manifest.json")
        try await file.write(Array((Self.renaming(manifest, to: names).text + "\n").utf8))
        try await file.commit()
    }

    /// Fetches one part, counted from 1, under a name; `done` counts the bytes of all.
    func fetch(
        _ part: JSONValue, number: Int, to name: String, done: inout Int64, total: Int64
    ) async throws {
        var line = ProgressLine()
        defer { line.clear() }
        let response = try await client.open(.get, "/v1/exports/\(id)/file?part=\(number)")
        let file = try NewFile(name)
        for try await block in response.body {
            try await file.write(Array(block.readableBytesView))
            done += Int64(block.readableBytes)
            line.show("downloading \(Text.bytes(done))", share: total > 0 ? Double(done) / Double(total) : nil)
        }
        let wanted = (bytes: part["bytes"]?.intValue, sha256: part["sha256"]?.stringValue)
        guard await file.bytes == wanted.bytes, await file.sha256() == wanted.sha256 else {
            throw Failure(
                .failed,
                "\(name): what arrived is not what the manifest says (\(await file.bytes) of \(wanted.bytes ?? 0) bytes); "
                    + "run the export again")
        }
        try await file.commit()
    }

    /// Hands all parts to `write`, one after another.
    static func copy(
        _ client: APIClient, id: String, parts: Int, to write: ([UInt8]) async throws -> Void
    ) async throws {
        for number in 1...max(parts, 1) {
            let response = try await client.open(.get, "/v1/exports/\(id)/file?part=\(number)")
            for try await block in response.body {
                try await write(Array(block.readableBytesView))
            }
        }
    }

    /// The folder with its slash, and the name.
    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return ("", path) }
        return (String(path[...slash]), String(path[path.index(after: slash)...]))
    }

    /// What the server's files are called here: as it would call them itself.
    private static func localNames(_ manifest: JSONValue, for name: String) throws -> [String] {
        do throws(ExportError) { return try Manifest(json: manifest).partNames(for: name) } catch {
            throw Failure(.failed, "the server's manifest cannot be read: \(error.message)")
        }
    }

    /// The manifest with the names that the parts have here.
    private static func renaming(_ manifest: JSONValue, to names: [String]) -> JSONValue {
        guard case .object(let members) = manifest else { return manifest }
        return .object(
            members.map { member in
                guard member.key == "parts", case .array(let parts) = member.value else { return member }
                return .init("parts", .array(zip(parts, names).map { renaming($0, to: $1) }))
            })
    }

    private static func renaming(_ part: JSONValue, to name: String) -> JSONValue {
        guard case .object(let fields) = part else { return part }
        return .object(fields.map { $0.key == "file" ? .init("file", .string(name)) : $0 })
    }
}
