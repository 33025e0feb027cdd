/// The program's own version.
enum ProgramVersion {
    static let text = "0.1.0"
}
