import Glibc

/// Where an export's bytes go.
enum ExportTarget: Sendable {
    case standardOutput
    /// The absolute path of the file; parts and the manifest lie beside it.
    case file(String)

    /// Reads `--out`. The folder must be there.
    init(_ out: String) throws {
        guard out != "-" else {
            self = .standardOutput
            return
        }
        let slash = out.lastIndex(of: "/")
        let folder = slash.map { $0 == out.startIndex ? "/" : String(out[..<$0]) } ?? "."
        let name = slash.map { String(out[out.index(after: $0)...]) } ?? out
        guard !name.isEmpty, name != ".", name != ".." else {
            throw Failure(.usage, "--out \(out): that is a folder; name a file in it")
        }
        guard let real = DataFolder.realPath(folder) else {
            throw Failure(.failed, "--out \(out): the folder \(folder): \(systemReason())")
        }
        self = .file(real == "/" ? "/" + name : real + "/" + name)
    }
}
