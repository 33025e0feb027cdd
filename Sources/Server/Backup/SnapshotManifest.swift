internal import Model

/// What a snapshot consists of; `manifest.json` in its folder. A folder without one is no snapshot.
struct SnapshotManifest: Equatable {
    static let fileName = "manifest.json"
    static let format: Int64 = 1

    /// A file of the data folder.
    struct Entry: Equatable {
        /// Its place in the data folder, and in the snapshot's.
        let path: String
        let bytes: Int64
        let sha256: String
        /// By what the file is known again in the data folder; nil if it is made anew each time.
        let source: Source?
    }

    struct Source: Equatable {
        let inode: Int64
        /// Nanoseconds since 1970.
        let modified: Int64
    }

    struct ProjectState: Equatable {
        let name: String
        /// Everything up to this `seq` is in the snapshot's journal or store.
        let durableSeq: Int64
        /// Everything up to this one is in the store.
        let appliedSeq: Int64
        /// How often people had been erased.
        let erasureEpoch: Int64
    }

    /// When the data folder was made, by which it is told from others.
    let madeAt: String
    let createdAt: String
    let program: String
    let storeFormat: Int64
    let projects: [ProjectState]
    let files: [Entry]

    /// The highest `seq` of all projects.
    var seq: Int64 { projects.map(\.durableSeq).max() ?? 0 }
    /// The sum of all projects.
    var erasureEpoch: Int64 { projects.reduce(0) { $0 + $1.erasureEpoch } }
    var bytes: Int64 { files.reduce(0) { $0 + $1.bytes } }

    /// Whether a project had erased fewer people than in another snapshot of the same data folder.
    func holdsErased(since other: SnapshotManifest) -> Bool {
        projects.contains { project in
            other.projects.contains { $0.name == project.name && $0.erasureEpoch > project.erasureEpoch }
        }
    }
}

extension SnapshotManifest {
    /// The document; its last member is the SHA-256 of the rest.
    var json: JSONValue {
        let members = body
        return .object(members + [.init("sha256", .string(Self.digest(members)))])
    }

    private static func digest(_ members: [JSONValue.Member]) -> String {
        var bytes: [UInt8] = []
        JSONValue.object(members).write(to: &bytes)
        return FileDigest.sha256(bytes)
    }

    private var body: [JSONValue.Member] {
        [
            .init("format", JSONValue(Self.format)), .init("program", .string(program)),
            .init("store_format", JSONValue(storeFormat)), .init("data_made_at", .string(madeAt)),
            .init("created_at", .string(createdAt)), .init("seq", JSONValue(seq)),
            .init("erasure_epoch", JSONValue(erasureEpoch)),
            .init(
                "projects",
                .array(
                    projects.map { project in
                        [
                            "name": .string(project.name), "durable_seq": JSONValue(project.durableSeq),
                            "applied_seq": JSONValue(project.appliedSeq),
                            "erasure_epoch": JSONValue(project.erasureEpoch),
                        ]
                    })), .init("bytes", JSONValue(bytes)), .init("files", .array(files.map(\.json))),
        ]
    }

    /// Reads a snapshot's manifest; `.damaged` if it is not what was written.
    init(folder: String) throws(BackupError) {
        let path = folder + "/" + Self.fileName
        func damaged(_ what: String) -> BackupError { BackupError(.damaged, "\(path) is damaged: \(what)") }
        let bytes = try BackupFiles.contents(path)
        guard let json = try? JSONValue(bytes.span), case .object(let members) = json else {
            throw damaged("it is not JSON")
        }
        if let format = json["format"]?.intValue, format > Self.format {
            throw BackupError(.damaged, "\(folder) was made by a newer program; restore it with that one")
        }
        guard members.last?.key == "sha256", members.last?.value == .string(Self.digest(members.dropLast())) else {
            throw damaged("its SHA-256 is not the one that it names")
        }
        guard let madeAt = json["data_made_at"]?.stringValue, let createdAt = json["created_at"]?.stringValue,
            let program = json["program"]?.stringValue, let storeFormat = json["store_format"]?.intValue,
            let projects = json["projects"]?.arrayValue?.map(ProjectState.init(json:)),
            let files = json["files"]?.arrayValue?.map(Entry.init(json:))
        else { throw damaged("something is missing in it") }
        let (states, entries) = (projects.compactMap { $0 }, files.compactMap { $0 })
        guard states.count == projects.count, entries.count == files.count else {
            throw damaged("a file or a project in it cannot be read")
        }
        self.init(
            madeAt: madeAt, createdAt: createdAt, program: program, storeFormat: storeFormat, projects: states,
            files: entries)
    }
}

extension SnapshotManifest.Entry {
    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("path", .string(path)), .init("bytes", JSONValue(bytes)), .init("sha256", .string(sha256)),
        ]
        if let source {
            members.append(.init("inode", JSONValue(source.inode)))
            members.append(.init("modified", JSONValue(source.modified)))
        }
        return .object(members)
    }

    /// Nil if it is none, or if its path leads out of the folder.
    fileprivate init?(json: JSONValue) {
        guard let path = json["path"]?.stringValue, let bytes = json["bytes"]?.intValue, bytes >= 0,
            let sha256 = json["sha256"]?.stringValue, sha256.utf8.count == 64, PathText.staysInside(path)
        else { return nil }
        let source = json["inode"]?.intValue.flatMap { inode in
            json["modified"]?.intValue.map { SnapshotManifest.Source(inode: inode, modified: $0) }
        }
        self.init(path: path, bytes: bytes, sha256: sha256, source: source)
    }
}

extension SnapshotManifest.ProjectState {
    fileprivate init?(json: JSONValue) {
        guard let name = json["name"]?.stringValue, let durable = json["durable_seq"]?.intValue,
            let applied = json["applied_seq"]?.intValue, let epoch = json["erasure_epoch"]?.intValue
        else { return nil }
        self.init(name: name, durableSeq: durable, appliedSeq: applied, erasureEpoch: epoch)
    }
}
