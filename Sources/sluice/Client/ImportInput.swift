import Glibc

/// One thing that `sluice import` was told to read: a file, standard input, or a folder of revisions.
enum ImportInput: Sendable {
    case file(ImportFile)
    case revisions(RevisionFolder)

    /// Looks at what is there, so that a wrong name is found before the first file is sent.
    init(_ path: String) throws {
        if path != "-", RevisionFolder.isFolder(path) {
            let folder = try RevisionFolder(path)
            for file in folder.files { _ = try ImportFile(file) }
            self = .revisions(folder)
        } else {
            self = .file(try ImportFile(path))
        }
    }

    /// The files, in order.
    var files: [ImportFile] {
        get throws {
            switch self {
            case .file(let file): [file]
            case .revisions(let folder): try folder.files.map { try ImportFile($0) }
            }
        }
    }
}

/// A file that can be read. It is opened when its turn comes: there may be more than a process may have open.
struct ImportFile: Sendable {
    private let path: String
    /// What has no other beginning: a pipe that is closed is gone.
    private let pipe: FileSource?

    init(_ path: String) throws {
        self.path = path
        let source = try FileSource(path)
        pipe = source.size == nil ? source : nil
    }

    func open() throws -> FileSource { if let pipe { pipe } else { try FileSource(path) } }
}
