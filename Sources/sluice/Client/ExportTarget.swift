import Exports

/// Where an export's bytes go.
enum ExportTarget: Sendable {
    case standardOutput
    /// The path of a pipe or a device.
    case stream(String)
    /// The absolute path of the file; parts and the manifest lie beside it.
    case file(String)
    /// The absolute path of the folder of many files; the manifest lies beside it.
    case folder(String)

    /// Whether `--out` is a name of standard output.
    static func isStandardOutput(_ out: String) -> Bool {
        ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].contains(out)
    }

    /// The path that the server writes to itself where it runs here.
    var path: String? {
        switch self {
        case .file(let path), .folder(let path): path
        case .standardOutput, .stream: nil
        }
    }

    /// Reads `--out` for a format of many files. The folder in which it is must be there.
    init(folder out: String) throws {
        do throws(ExportError) { self = .folder(try OutFolder.resolve(out)) } catch {
            throw Failure(error.code == .invalidSpec ? .usage : .failed, "--out \(out): \(error.message)")
        }
    }

    /// Reads `--out`. The folder must be there.
    init(_ out: String) throws {
        if Self.isStandardOutput(out) {
            self = .standardOutput
            return
        }
        do throws(ExportError) {
            switch try OutPlace(out) {
            case .file(let path): self = .file(path)
            case .stream: self = .stream(out)
            }
        } catch {
            throw Failure(error.code == .invalidSpec ? .usage : .failed, "--out \(out): \(error.message)")
        }
    }
}
