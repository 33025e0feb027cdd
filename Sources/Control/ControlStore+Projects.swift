internal import GRDB
public import Model

/// A project as it is listed.
public struct Project: Sendable, Equatable {
    public let name: String
    public let createdAt: Timestamp
    /// The write keys, in clear: they are public.
    public let writeKeys: [String]
    /// The highest `seq` that any record of the control database has named.
    public let seenSeq: Int64
}

extension ControlStore {
    /// The project that exists from the start.
    public static let defaultProject = "default"

    /// Makes a data folder: its database, the default project and that project's keys. Blocking.
    ///
    /// - Throws: `.alreadyInitialized`, without any change, if the folder holds one.
    public static func initialize(directory: String) throws(ControlError) -> NewProject {
        try makeFolder(directory)
        let store = try ControlStore(path: path(in: directory))
        let made = try store.writeBlocking { db in
            // A file without a project is what an interrupted `init` left: it goes on from there.
            guard try Int.fetchOne(db, sql: "SELECT count(*) FROM projects") == 0 else {
                throw ControlError(.alreadyInitialized, "\(directory) already holds a Sluice; nothing was changed")
            }
            return try insertProject(defaultProject, in: db)
        }
        try store.close()
        return made
    }

    /// Makes a project and its two keys.
    ///
    /// - Throws: `.badName`, `.projectExists`.
    public func createProject(_ name: String) async throws(ControlError) -> NewProject {
        guard Self.isProjectName(name) else {
            throw ControlError(
                .badName,
                "a project's name is 1 to 63 characters of a-z, 0-9, - and _, and begins with a letter or a digit")
        }
        return try await write { db in
            guard try Int.fetchOne(db, sql: "SELECT 1 FROM projects WHERE name = ?", arguments: [name]) == nil else {
                throw ControlError(.projectExists, "there is a project \(name) already")
            }
            return try Self.insertProject(name, in: db)
        }
    }

    /// Whether a text can be a project's name; it is also the name of its folder.
    public static func isProjectName(_ name: String) -> Bool {
        guard (1...63).contains(name.utf8.count), let first = name.utf8.first else { return false }
        let isAlphanumeric = { (byte: UInt8) in (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) }
        return isAlphanumeric(first) && name.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2d || $0 == 0x5f }
    }

    private static func insertProject(_ name: String, in db: Database) throws -> NewProject {
        let made = NewProject(
            project: name, writeKey: KeyText.make(prefix: "wk_"), secretKey: KeyText.make(prefix: "sk_"))
        let time = now().microseconds
        try db.execute(sql: "INSERT INTO projects (name, created_at) VALUES (?, ?)", arguments: [name, time])
        try insertKey(
            project: name, kind: .write, text: made.writeKey, name: "first write key", scopes: [.collect], in: db)
        try insertKey(
            project: name, kind: .secret, text: made.secretKey, name: "first secret key", scopes: [.admin], in: db)
        return made
    }

    /// All projects, in the order of their names.
    public func projects() async throws(ControlError) -> [Project] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT name, created_at, seen_seq,
                        (SELECT group_concat(write_key, ' ') FROM
                            (SELECT write_key FROM keys WHERE project = projects.name AND kind = 'write' AND revoked_at IS NULL
                            ORDER BY created_at, id)
                        ) AS write_keys
                    FROM projects ORDER BY name
                    """
            ).map { row in
                let keys: String = row["write_keys"] ?? ""
                return Project(
                    name: row["name"], createdAt: Timestamp(microseconds: row["created_at"]),
                    writeKeys: keys.split(separator: " ").map(String.init), seenSeq: row["seen_seq"])
            }
        }
    }

    /// Remembers that a record names `seq`, so that the journal's numbers go on above it whatever happens to its files.
    public func noteSeen(_ seq: Int64, project: String) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: "UPDATE projects SET seen_seq = max(seen_seq, ?) WHERE name = ?", arguments: [seq, project])
        }
    }
}
