import FoundationEssentials

/// A folder in the layout of KISSmetrics' export, as it was found: `index.csv` and `revisions/N.json`, or the revisions alone.
struct RevisionFolder: Sendable {
    /// The most missing revisions that are named one by one.
    private static let namedMissing = 1_000

    /// The folder as the user named it.
    let path: String
    /// The revisions' files in the order of their numbers, which is that in which they were written.
    let files: [String]
    /// The revisions that `index.csv` names, or without one that lie between others, and that are not there.
    let missing: [String]
    /// How many are missing in all.
    let missingCount: Int64
    /// What else a person should know.
    let notes: [String]

    /// Looks at a folder. Blocks for as long as that takes.
    init(_ path: String) throws {
        self.path = path
        var folder = path
        while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
        let inner = folder + "/revisions"
        let isInner = Self.isFolder(inner)
        let found = try Self.revisions(isInner ? inner : folder)
        let prefix = isInner ? "revisions/" : ""
        let indexPath = folder + "/index.csv"
        let index = isInner && FileManager.default.fileExists(atPath: indexPath) ? try Self.index(indexPath) : nil
        guard !found.isEmpty || index != nil else {
            throw Failure(
                .failed, "\(path): there is neither index.csv nor revisions/N.json; name the folder that holds them")
        }
        files = found.map { "\(isInner ? inner : folder)/\($0.name)" }
        var notes: [String] = []
        let numbers = found.map(\.number)
        let gaps: [ClosedRange<Int64>]
        if let index {
            let present = Set(numbers)
            gaps = index.numbers.filter { !present.contains($0) }.map { $0...$0 }
            let listed = Set(index.numbers)
            let unlisted = numbers.filter { !listed.contains($0) }
            if !unlisted.isEmpty {
                notes.append(
                    "index.csv does not name \(Text.count(Int64(unlisted.count), "revision")) that are there "
                        + "(\(prefix)\(unlisted[0]).json …): they are read, too")
            }
            if let odd = index.others.first {
                notes.append("index.csv names \(Text.visible(odd)), which is no revision; such lines are passed over")
            }
        } else {
            notes.append("there is no index.csv: the revisions that are there are read")
            gaps = zip(numbers, numbers.dropFirst()).filter { $1 - $0 > 1 }.map { ($0 + 1)...($1 - 1) }
        }
        missingCount = gaps.reduce(0) { $0 + $1.upperBound - $1.lowerBound + 1 }
        missing = Array(gaps.lazy.joined().prefix(Self.namedMissing)).map { "\(prefix)\($0).json" }
        self.notes = notes
    }

    static func isFolder(_ path: String) -> Bool {
        var isFolder = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder
    }

    /// The revisions in a folder, by number; packed ones count, too.
    private static func revisions(_ folder: String) throws -> [(number: Int64, name: String)] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: folder) } catch {
            throw Failure(.failed, "\(folder): the folder cannot be read")
        }
        let found = names.compactMap { name in number(name).map { (number: $0, name: name) } }
        return found.sorted { ($0.number, $0.name) < ($1.number, $1.name) }
    }

    /// The number of `N.json`, `N.json.gz` or `N.json.zst`; nil for other names.
    private static func number(_ name: String) -> Int64? {
        guard let dot = name.firstIndex(of: "."), [".json", ".json.gz", ".json.zst"].contains(name[dot...]) else {
            return nil
        }
        let digits = name[..<dot]
        guard !digits.isEmpty, digits.utf8.count <= 15, digits.utf8.allSatisfy({ $0 &- 48 < 10 }) else { return nil }
        return Int64(digits)
    }

    /// The revisions that an index names, in its order, and what else it names.
    private static func index(_ path: String) throws -> (numbers: [Int64], others: [String]) {
        var numbers: [Int64] = []
        var others: [String] = []
        for (place, line) in try SmallFile.read(path).split(whereSeparator: \.isNewline).enumerated() {
            let name = line.prefix { $0 != "," }.filter { $0 != "\"" && $0 != "\u{feff}" }
            if place == 0, name == "filename" { continue }
            if name.hasPrefix("revisions/"), let number = number(String(name.dropFirst(10))) {
                numbers.append(number)
            } else {
                others.append(name)
            }
        }
        return (numbers, others)
    }
}
