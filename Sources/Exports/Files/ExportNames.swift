/// The names of an export's files.
struct ExportNames: Sendable, Equatable {
    let folder: String
    /// The last part of the path that was asked for.
    let name: String
    private let exportID: String
    private let stem: String
    private let fileExtension: String

    /// - Parameter proper: the extension that the files should have, such as `.csv.gz.age`.
    init(path: String, exportID: String, proper: String) {
        (folder, name) = FileSystem.split(path)
        self.exportID = exportID
        if name.hasSuffix(proper), name.count > proper.count {
            fileExtension = proper
        } else if let dot = name.lastIndex(of: "."), dot != name.startIndex {
            fileExtension = String(name[dot...])
        } else {
            fileExtension = ""
        }
        stem = String(name.dropLast(fileExtension.count))
    }

    /// The name of a part: `NAME.part-00001.EXT`, counted from 1; the name itself when there are no parts.
    func file(part: Int?) -> String {
        guard let part else { return name }
        let digits = String(part)
        return "\(stem).part-\(String(repeating: "0", count: max(0, 5 - digits.count)))\(digits)\(fileExtension)"
    }

    var manifest: String { name + Manifest.suffix }

    func path(_ file: String) -> String { folder + "/" + file }

    /// The name under which a file is written: the same for every attempt of one export, so that an attempt that was cut off
    /// is overwritten and not left behind.
    func temporary(_ file: String) -> String { "\(folder)/.\(file).\(exportID).partial" }
}
