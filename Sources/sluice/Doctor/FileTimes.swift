import FoundationEssentials

/// When files were last written.
enum FileTimes {
    /// The latest time of the files below a folder, in seconds since 1970; 0 if there are none.
    static func newest(in folder: String) -> Int64 {
        let files = FileManager.default
        // Files that come and go while a server runs are no fault.
        let names = (try? files.subpathsOfDirectory(atPath: folder)) ?? []
        let times = names.compactMap { name in
            (try? files.attributesOfItem(atPath: folder + "/" + name))?[.modificationDate] as? Date
        }
        return times.map { Int64($0.timeIntervalSince1970) }.max() ?? 0
    }
}
