\d
\dt
\dt+
\di
\dv
\ds
\df
\dn
\dT
\dD
\d orders
\d+ orders
\d customers
\d countries
\d orders_pkey
\d ord*
\dx
\do + integer
\dC integer
\dd
\dL
\da max
\dA
\dRp
\dy
\dP
\dX
\dconfig search_path
\echo == end
