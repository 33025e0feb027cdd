import Exports

/// Where an export's bytes go.
enum ExportTarget: Sendable {
    case standardOutput
    /// The path of a pipe or a device.
    case stream(String)
    /// The absolute path of the file; parts and the manifest lie beside it.
    case file(String)

    /// Whether `--out` is a name of standard output.
    static func isStandardOutput(_ out: String) -> Bool {
        ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].contains(out)
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
