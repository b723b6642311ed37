package access

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
)

// AdminFile is the name of the file, in the folder of keys, that holds standalone's first key.
const AdminFile = "admin"

// Bootstrap makes the first admin key of an instance that has none and leaves its token in dir/admin, for its owner alone.
// The file is written first: a crash in between leaves a token that opens nothing, and the next start writes another.
func (k *Keys) Bootstrap(ctx context.Context, dir string) (created bool, err error) {
	for _, key := range *k.keys.Load() {
		if key.GetRole() == adminv1.KeyRole_KEY_ROLE_ADMIN && key.GetOrganisation() == "" {
			return false, nil
		}
	}
	key, token, err := k.issue(adminv1.KeyRole_KEY_ROLE_ADMIN, "", "")
	if err != nil {
		return false, err
	}
	if err := writeSecret(filepath.Join(dir, AdminFile), token+"\n"); err != nil {
		return false, fmt.Errorf("writing the admin key: %w", err)
	}
	if err := k.store(ctx, key); err != nil {
		return false, err
	}
	return true, nil
}

// writeSecret replaces a file whole, readable by its owner alone, and on disk before it returns.
func writeSecret(name, text string) error {
	tmp := name + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}
