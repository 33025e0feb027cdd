/// The sealed files of the duplicates' index as a start finds them.
struct LoadedIDs {
    /// The newest first.
    private(set) var files: [IDFile] = []
    private(set) var damaged: [String] = []
    /// Everything up to this `seq` is in `files`, without a gap.
    private(set) var through: Int64 = 0
    /// The highest `seq` in `files`, which may lie after a gap.
    private(set) var highest: Int64 = 0

    init(folder: String, files seam: any JournalFiles) throws(JournalError) {
        let names: [String]
        do {
            names = try Folder.names(folder)
            for name in names where name.hasSuffix(".ids.tmp") { try seam.unlink("\(folder)/\(name)") }
        } catch {
            throw JournalError(error, while: "looking for the files of ids")
        }
        for name in names where name.hasSuffix(".ids") {
            let path = "\(folder)/\(name)"
            do {
                files.append(try IDFile(path: path, files: seam))
            } catch  where error.code == .damaged {
                damaged.append(path)
            }
        }
        for file in files where files.contains(where: { $0.supersedes(file) }) { try? seam.unlink(file.path) }
        let all = files
        files.removeAll { file in all.contains { $0.supersedes(file) } }
        files.sort { ($0.fromSeq, $0.toSeq) < ($1.fromSeq, $1.toSeq) }
        // Without damage, what is missing before the first file has expired.
        through = damaged.isEmpty ? files.first?.fromSeq ?? 0 : 0
        for file in files where file.fromSeq <= through { through = max(through, file.toSeq) }
        highest = files.map(\.toSeq).max() ?? 0
        files.reverse()
    }
}

extension IDFile {
    /// Whether the other is one of those that this one was merged from: a merge was cut off before it went.
    fileprivate func supersedes(_ other: IDFile) -> Bool {
        guard isMerged, other.fromSeq < other.toSeq, other.lowestSeq.map({ $0 > fromSeq || $0 == 0 }) ?? false else {
            return false
        }
        return fromSeq <= other.fromSeq && other.toSeq <= toSeq && other.toSeq - other.fromSeq < toSeq - fromSeq
    }
}
