internal import Model

/// The files that stand beside the segments and the index: what recovery set aside, and what failed steps left.
enum SetAside {
    /// Removes those that hold erased items, or may. The housekeeping thread calls it when the ids of all items up to
    /// `through` are in files of the index, so that a file of ids which is none of these tells nothing that they do not.
    static func remove(
        _ search: TextSearch, _ core: JournalCore
    ) throws(JournalError) -> [JournalErasureReport.SetAside] {
        let files = core.options.files
        let folder = core.options.directory
        var removed: [JournalErasureReport.SetAside] = []
        do throws(FileError) {
            for name in try Folder.names(folder).sorted() where name.hasPrefix("torn-") {
                let bytes = try read("\(folder)/\(name)", files)
                guard let reason = reason(toRemove: bytes.span, search) else { continue }
                try files.unlink("\(folder)/\(name)")
                removed.append(.init(name: name, bytes: Int64(bytes.count), reason: reason, isVerified: true))
            }
            if !removed.isEmpty { try files.synchronizeDirectory(folder) }

            let used = Set(core.sealed.snapshot.files.map(\.path))
            let before = removed.count
            for name in try Folder.names(core.sealed.folder).sorted() {
                let path = "\(core.sealed.folder)/\(name)"
                guard name.contains(".ids"), !used.contains(path) else { continue }
                let isDamaged = name.hasSuffix(".damaged") || core.damagedIDFiles.contains(path)
                let bytes = try size(path, files)
                try files.unlink(path)
                removed.append(
                    .init(
                        name: "\(FileNames.duplicates)/\(name)", bytes: bytes,
                        reason: isDamaged ? .damagedIDs : .superseded, isVerified: true))
            }
            if removed.count > before { try files.synchronizeDirectory(core.sealed.folder) }
        } catch {
            throw JournalError(error, while: "removing files that were set aside")
        }
        for i in removed.indices { removed[i].isVerified = !Folder.exists("\(folder)/\(removed[i].name)") }
        return removed
    }

    /// Why a torn tail has to go; nil if all that it holds is somebody else's.
    static func reason(toRemove bytes: Span<UInt8>, _ search: TextSearch) -> JournalErasureReport.SetAside.Reason? {
        if search.isIn(bytes) { return .holdsText }
        return isAttributable(bytes) ? nil : .unattributable
    }

    /// Whether all items in a torn frame tell whose they are. The last one may be cut in its properties, but not before.
    private static func isAttributable(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count >= FrameHeader.bytes, bytes.load(0) == FrameHeader.magic else { return false }
        var at = FrameHeader.bytes
        // What is shorter than an item's head has nobody's text.
        while bytes.count - at >= FrameHeader.leastItemBytes {
            guard let kind = ItemKind(rawValue: bytes[at + 4]), WireProtocol(rawValue: bytes[at + 6]) != nil else {
                return false
            }
            let lengths = [40, 42, 44, 46].map { Int(bytes.load(at + $0, as: UInt16.self)) }
            let identity = at + FrameHeader.leastItemBytes + Int(bytes[at + 7]) * 16 + lengths[0]
            let properties = identity + lengths[1] + lengths[2] + lengths[3]
            let end = properties + Int(bytes.load(at + 48, as: UInt32.self))
            guard properties <= bytes.count, end == at + 4 + Int(bytes.load(at, as: UInt32.self)) else { return false }
            // Of an input that was refused only the text as it came may say it.
            if kind == .reject, lengths[1] == 0, end > bytes.count { return false }
            // A page that did not reach the disk reads as zeros.
            for i in identity..<properties where bytes[i] == 0 { return false }
            at = end
        }
        return true
    }

    private static func read(_ path: String, _ files: any JournalFiles) throws(FileError) -> [UInt8] {
        let descriptor = try files.open(path, .read)
        defer { files.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Int(try Folder.size(descriptor)))
        let count = try Folder.read(descriptor, into: &bytes, count: bytes.count, at: 0)
        return Array(bytes.prefix(count))
    }

    private static func size(_ path: String, _ files: any JournalFiles) throws(FileError) -> Int64 {
        let descriptor = try files.open(path, .read)
        defer { files.close(descriptor) }
        return try Folder.size(descriptor)
    }
}
