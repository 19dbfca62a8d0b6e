package isolation

import "time"

const shrinkPatience = 20 * time.Second
